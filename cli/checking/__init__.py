"""What a raw message would become, told before it is sent."""
