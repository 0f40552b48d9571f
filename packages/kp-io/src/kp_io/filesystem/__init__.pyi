from .atomic import atomic_path as atomic_path, is_disk_full as is_disk_full, write_error as write_error
