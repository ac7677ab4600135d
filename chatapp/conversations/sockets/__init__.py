"""What a socket is allowed: whether its session still holds, and how much it may send."""
