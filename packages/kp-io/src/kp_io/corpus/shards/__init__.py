"""The Parquet shards of a corpus."""
