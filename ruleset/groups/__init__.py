"""Plans over several accounts: what the group holds net, hedged pairs, and the bundles that close as one."""
