from .portrait_video import (
    COMMENT as COMMENT,
    mark_generated as mark_generated,
    write_portrait_video as write_portrait_video,
)
