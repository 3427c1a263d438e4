import { drawProcessTag, IdSource } from './random.js';

describe('the ids of transactions', () => {
  it('never repeat, in one process or in two', () => {
    const [one, other] = [new IdSource(), new IdSource()];
    const ids = Array.from({ length: 5000 }, () => [one.next(), other.next()]).flat();

    expect(new Set(ids).size).toBe(10_000);
  });

  it('fit into versions, addresses and keys', () => {
    const ids = Array.from({ length: 100 }, () => new IdSource().next());

    expect(ids.filter((id) => !/^[\w-]{12}$/.test(id))).toEqual([]);
  });

  it('begin with a tag of at least 64 random bits', () => {
    const tags = Array.from({ length: 1000 }, drawProcessTag);

    expect(new Set(tags).size).toBe(1000);
    expect(tags.filter((tag) => !/^[\w-]{11}$/.test(tag))).toEqual([]);
  });
});
