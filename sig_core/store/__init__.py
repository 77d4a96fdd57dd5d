"""What a server keeps for listeners that are away: a contract, and stores that fulfil it."""
