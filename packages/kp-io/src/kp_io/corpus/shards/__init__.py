"""Parquet shards of a corpus: their schema, writing and reading (pyarrow)."""
