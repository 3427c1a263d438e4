export { MemcachedCache, type MemcachedOptions } from './memcached-cache.js';
