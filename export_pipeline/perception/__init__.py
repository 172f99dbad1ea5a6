"""All that looks at pictures the way VGG-19 does: networks, statistics, distances, the judge and the losses."""
