// The memory that all instances of one database share, and its map.
