"""Process `Attention`: scores and mixing."""
