from .atomic import atomic_path as atomic_path, is_disk_full as is_disk_full, write_error as write_error
from .overwriting import beside as beside, refuse_overwriting as refuse_overwriting
