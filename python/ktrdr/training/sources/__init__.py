"""Label sources: each turns a bar series into labels."""
