"""What people are asked, what they said, and what it comes to."""
