"""Walk-forward: a net is trained again and again, and each time traded on the bars that follow its training."""
