"""Who a peer is, and what it may do: identities, rules and the answers that follow from them. Without I/O."""
