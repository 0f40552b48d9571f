from .checkpoint import (
    put_state as put_state,
    read_tensors as read_tensors,
    save_checkpoint as save_checkpoint,
    write_tensors as write_tensors,
)
