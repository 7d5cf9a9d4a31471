"""What crosses a wire, sans-I/O: names, messages, frames, and the stream addressed by offset."""
