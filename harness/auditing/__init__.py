"""What people say of a judge: drawing answers for them, reading their labels, and what follows for every rate."""
