"""A decoder that runs by itself: units, words, tables and a sequencer, all of them neurons of one network."""
