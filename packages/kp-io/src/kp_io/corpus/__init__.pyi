from .rewrite import rewrite_corpus as rewrite_corpus
from .shards.reader import (
    CorpusClip as CorpusClip,
    read_clips as read_clips,
    read_rows as read_rows,
    read_speakers as read_speakers,
)
