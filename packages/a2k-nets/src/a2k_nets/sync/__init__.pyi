from .offset import CONFIDENT as CONFIDENT, SyncOffset as SyncOffset, measure_offset as measure_offset
