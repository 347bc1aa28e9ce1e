"""What a pre-trained encoder is worth: one file a protocol."""
