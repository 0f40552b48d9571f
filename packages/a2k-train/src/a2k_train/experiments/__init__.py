"""Cross-validation, the paper's ablation, and publishing a run."""
