"""What a pre-trained backbone is worth to a detector: Faster and Mask R-CNN, and the files that Detectron2 takes."""
