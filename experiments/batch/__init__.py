"""What batch inference adds to replicas bought for the peak, and who is later for it."""
