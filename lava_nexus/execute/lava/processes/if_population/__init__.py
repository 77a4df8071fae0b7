"""Process `IFPopulation`: integrate-and-fire neurons."""
