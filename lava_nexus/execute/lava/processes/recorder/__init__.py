"""Process `Recorder`: counts and keeps spikes."""
