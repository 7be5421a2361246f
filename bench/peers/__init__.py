"""What the training benches share: synthetic rows, a meter, and each way to train in a process of its own."""
