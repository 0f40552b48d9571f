"""The paper's networks as the paper describes them: the `paper` preset."""
