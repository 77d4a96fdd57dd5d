"""What threads wait with: futures, replies, events, buffers."""
