"""What a camera made of a scene, in numbers of pixels: noise, sharpness, tones, colours; and backgrounds."""
