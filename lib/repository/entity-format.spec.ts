import {
  EntityIdError,
  EntityInvalidError,
  LimitExceededError,
  StoredDataError,
} from '../errors/index.js';
import { DEFAULT_LIMITS } from '../transaction/limits.js';
import { withSeed } from '../../test/support/seeded-random.js';
import type { EntityCodec } from './entity-codec.js';
import { definitionOf, TxEntity, type TxEntityOptions } from './entity-definition.js';
import { checkId, EntityFormat } from './entity-format.js';

class Account {
  id!: string;
  owner?: string;
  balance!: number;
  points!: number;
  constructor() {
    throw new Error('The constructor must not run.');
  }
  describe(): string {
    return `${this.owner} has ${this.balance}`;
  }
}

function formatOf(
  options: Partial<TxEntityOptions> = {},
  valueBytes = 1000,
): EntityFormat<Account> {
  class Declared extends Account {}
  TxEntity({ name: 'account', ...options })(Declared);
  return new EntityFormat(definitionOf(Declared), { ...DEFAULT_LIMITS, valueBytes });
}

const counted = { counters: ['balance', 'points'] };
const codecOf = (version: number): EntityCodec => ({
  version,
  encode: (data) => Buffer.from(JSON.stringify(data)).toString('hex'),
  decode: (payload, stored) => ({
    ...(stored === 0
      ? (JSON.parse(payload) as object)
      : (JSON.parse(Buffer.from(payload, 'hex').toString()) as object)),
    stored,
  }),
});

describe('a stored entity', () => {
  it('is JSON that any other client can read', () => {
    expect(formatOf().encode({ id: 'a', owner: 'Ann', balance: 5 })).toEqual({
      counters: '',
      payload: '{"id":"a","owner":"Ann","balance":5}',
    });
  });

  it('keeps its counters out of the payload, in their declared order', () => {
    const data = { points: 1, id: 'a', balance: -7, owner: 'Ann' };

    expect(formatOf(counted).encode(data)).toEqual({
      counters: '-7,1',
      payload: '{"id":"a","owner":"Ann"}',
    });
    expect(data).toEqual({ points: 1, id: 'a', balance: -7, owner: 'Ann' });
  });

  it('comes back as an instance whose constructor was not run', () => {
    const format = formatOf(counted);
    const entity = format.decode(format.encode({ id: 'a', owner: 'Ann', balance: 5, points: 0 }));

    expect(entity).toBeInstanceOf(Account);
    expect(entity.describe()).toBe('Ann has 5');
    expect({ ...entity }).toEqual({ id: 'a', owner: 'Ann', balance: 5, points: 0 });
  });

  it.each(['decode', 'copy'] as const)('runs no setter of its class: %s', (how) => {
    class Guarded {
      get total(): number {
        return 0;
      }
      set owner(_: string) {
        throw new Error('The setter must not run.');
      }
    }
    TxEntity({ name: 'guarded' })(Guarded);
    const format = new EntityFormat(definitionOf(Guarded), DEFAULT_LIMITS);
    const data = { id: 'a', owner: 'Ann', total: 5 };
    const encoded = format.encode(data);

    const entity = how === 'copy' ? format.copy(data, encoded) : format.decode(encoded);

    expect(Object.entries(entity)).toEqual(Object.entries(data));
  });

  it('is the same whether it is copied or read again', () => {
    const format = formatOf(counted);
    const values = [0, 1.5, '', undefined, null, true, new Date(0), Object(7), Object('x')];
    for (const note of values) {
      const data = { id: 'a', balance: 1, points: 0, note };
      const encoded = format.encode(data);

      expect(format.copy(data, encoded)).toEqual(format.decode(encoded));
    }
  });

  it('takes a counter declared later from the properties, or from nothing', () => {
    const format = formatOf(counted);

    const entity = format.decode({ counters: '', payload: '{"id":"a","balance":7}' });

    expect(entity).toMatchObject({ balance: 7, points: 0 });
  });

  it('comes back as it was, whatever its text', async () => {
    const format = formatOf();
    await withSeed('round trips of entities', (random) => {
      const letters = [...Array.from('ab|*{}":\\\0\n é😀'), '\ud800'];
      for (let nth = 0; nth < 2000; nth++) {
        const owner = Array.from({ length: random.integer(12) }, () => random.pick(letters));
        const data = { id: 'a', owner: owner.join(''), balance: random.integer(99) };
        const encoded = format.encode(data);

        expect({ ...format.decode(encoded) }).toEqual(data);
        expect({ ...format.copy(data, encoded) }).toEqual(data);
      }
    });
  });

  it.each([1.5, Number.NaN, 2 ** 53, '5', null, undefined, 5n])(
    'is refused when a counter is %p',
    (balance) => {
      const encode = (): unknown => formatOf(counted).encode({ id: 'a', balance, points: 0 });

      expect(encode).toThrow(EntityInvalidError);
      expect(encode).toThrow('account.balance');
    },
  );

  it('is refused with the path of what would not come back', () => {
    const encode = (): unknown => formatOf().encode({ id: 'a', tags: [{ at: new Map() }] });

    expect(encode).toThrow(EntityInvalidError);
    expect(encode).toThrow('account.tags[0].at is a Map');
  });

  it.each([
    ['__proto__', JSON.parse('{"id":"a","__proto__":{"admin":true}}') as object],
    ['nested __proto__', { id: 'a', in: JSON.parse('{"__proto__":1}') as object }],
  ])('is refused when it has a property %s', (_, data) => {
    expect(() => formatOf().encode(data)).toThrow('__proto__');
  });

  it('is refused when its toJSON gives no object', () => {
    const encode = (): unknown => formatOf().encode({ id: 'a', toJSON: () => undefined });

    expect(encode).toThrow(EntityInvalidError);
    expect(encode).toThrow('account');
  });

  it('is refused when it is larger than the limit, in bytes', () => {
    const encode = (owner: string): unknown => formatOf({}, 40).encode({ id: 'a', owner });

    expect(() => encode('x'.repeat(19))).not.toThrow();
    expect(() => encode('é'.repeat(12))).toThrow(LimitExceededError);
  });

  it.each(['', 'null', '7', '[]', '"a"', '{', '{"id":"a","__proto__":{"admin":true}}'])(
    'is refused, and pollutes nothing, when the payload is %j',
    (payload) => {
      expect(() => formatOf().decode({ counters: '', payload })).toThrow(StoredDataError);
      expect(({} as { admin?: boolean }).admin).toBeUndefined();
    },
  );
});

describe('a codec', () => {
  it('writes its version with every payload and reads what it wrote', () => {
    const format = formatOf({ codec: codecOf(3), counters: ['balance'] });
    const encoded = format.encode({ id: 'a', balance: 2 });

    expect(encoded.payload).toMatch(/^3:[0-9a-f]+$/);
    expect(format.decode(encoded)).toMatchObject({ id: 'a', balance: 2, stored: 3 });
  });

  it('is told the version that the payload was stored with', () => {
    const { payload } = formatOf({ codec: codecOf(1) }).encode({ id: 'a' });
    const newer = formatOf({ codec: codecOf(2) });

    expect(newer.decode({ counters: '', payload })).toMatchObject({ id: 'a', stored: 1 });
    expect(newer.decode({ counters: '', payload: '{"id":"b"}' })).toMatchObject({ stored: 0 });
  });

  it.each([undefined, null, 7, Buffer.from('x'), Promise.resolve('x')])(
    'is refused when it encodes to %p',
    (given) => {
      const codec = { ...codecOf(1), encode: () => given as unknown as string };
      const encode = (): unknown => formatOf({ codec }).encode({ id: 'a' });

      expect(encode).toThrow(EntityInvalidError);
      expect(encode).toThrow(/account cannot be stored: encode\(\) of its codec gave .*a string/);
    },
  );

  it.each([undefined, null, 7, 'text', [1]])('is refused when it decodes to %p', (given) => {
    const codec = { ...codecOf(1), decode: () => given as unknown as object };
    const decode = (): unknown =>
      formatOf({ codec }).decode({ counters: '', payload: '1:x' }, 'a7');

    expect(decode).toThrow(StoredDataError);
    expect(decode).toThrow(/account a7 cannot be read: decode\(\) of its codec gave .*an object/);
  });

  it('that fails to decode is named, and its own error is the cause', () => {
    const cause = new SyntaxError('the secret text is no JSON');
    const decode = (): unknown =>
      formatOf({
        codec: {
          ...codecOf(1),
          decode: () => {
            throw cause;
          },
        },
      }).decode({ counters: '', payload: '1:x' }, 'a7');

    expect(decode).toThrow(StoredDataError);
    expect(decode).toThrow(expect.objectContaining({ cause }));
    expect(decode).not.toThrow('secret');
  });

  it('is missed by name when it was taken away', () => {
    const { payload } = formatOf({ codec: codecOf(7) }).encode({ id: 'a' });

    expect(() => formatOf().decode({ counters: '', payload })).toThrow(/version 7 of a codec/);
  });
});

describe('an id', () => {
  it.each(['a', '{}', ':', 'a:b', '\0', '😀', ' ', '__proto__', '0', 'x'.repeat(65_536)])(
    'may be %p',
    (id) => {
      expect(checkId(id, 'account')).toBe(id);
      expect(formatOf().idOf({ id })).toBe(id);
    },
  );

  it.each(['', '\ud800', 'a\udc00b', undefined, null, 7, 0n, {}, ['a']])(
    'is refused by the name of its property when it is %p',
    (id) => {
      expect(() => formatOf({ id: 'key' }).idOf({ key: id })).toThrow(EntityIdError);
      expect(() => formatOf({ id: 'key' }).idOf({ key: id })).toThrow('account.key');
    },
  );

  it.each([null, undefined, 'a', 7])('cannot be had from %p, which is no entity', (data) => {
    expect(() => formatOf().idOf(data as unknown as object)).toThrow(EntityInvalidError);
  });
});

describe('what is no entity at all', () => {
  it.each([
    ['an array', [1, 2], /not an array/],
    ['a Date', new Date(0), /not a Date/],
    ['null', null, /not null/],
    ['a number', 5, /not a number/],
  ])('is refused as a whole: %s', (_, data, message) => {
    expect(() => formatOf().encode(data as unknown as object)).toThrow(EntityInvalidError);
    expect(() => formatOf().encode(data as unknown as object)).toThrow(message);
  });

  it('is named by its id when it was stored', () => {
    expect(() => formatOf().decode({ counters: '', payload: 'x' }, 'a7')).toThrow(/account a7/);
  });
});
