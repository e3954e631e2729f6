"""The graph of resources that the program declares, under mocks."""
