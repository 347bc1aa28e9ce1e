"""What a step gets: settings, images, the order of an epoch, views."""
