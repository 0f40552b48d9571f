from .checkpoint import (
    load_state_strict as load_state_strict,
    read_tensors as read_tensors,
    save_checkpoint as save_checkpoint,
    write_tensors as write_tensors,
)
