"""How a reply is followed: open bodies, their bytes and events."""
