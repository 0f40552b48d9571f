"""Distillation into a small network: its audio layers ("ears") from a speech encoder, its lips from a teacher."""
