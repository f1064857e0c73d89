-- Give a place in a window back: a wider one had no room. ARGV: member
return redis.call('ZREM', key('window'), ARGV[1])
