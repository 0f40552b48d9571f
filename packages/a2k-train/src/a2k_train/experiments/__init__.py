"""Cross-validation, the paper's ablation, and publishing of runs."""
