from .similarity import (
    apply_similarity as apply_similarity,
    fit_similarity as fit_similarity,
    invert_similarity as invert_similarity,
)
