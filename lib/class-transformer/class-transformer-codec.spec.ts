import 'reflect-metadata';
import { Exclude, Expose, Transform, Type } from 'class-transformer';
import { EntityInvalidError, StoredDataError } from '../errors/index.js';
import { classTransformerCodec } from './class-transformer-codec.js';

class Address {
  street!: string;

  label(): string {
    return `at ${this.street}`;
  }
}

class Line {
  @Type(() => Date)
  addedAt!: Date;

  constructor(readonly sku: string) {}
}

class Order {
  id!: string;

  @Type(() => Date)
  placedAt!: Date;

  @Type(() => Address)
  address!: Address;

  @Type(() => Line)
  lines: Line[] = [];

  @Exclude()
  cachedTotal?: number;

  @Expose({ name: 'n' })
  note?: string;

  @Transform(({ value }) => String(value), { toPlainOnly: true })
  @Transform(({ value }) => BigInt(value as string), { toClassOnly: true })
  cents!: bigint;

  constructor(required: { readonly id: string }) {
    this.id = required.id;
  }

  get lineCount(): number {
    return this.lines.length;
  }

  @Expose()
  get firstSku(): string | undefined {
    return this.lines?.[0]?.sku;
  }
}

const context = { entityClass: Order };
const codec = classTransformerCodec();

function order(): Order {
  const made = new Order({ id: 'o1' });
  made.placedAt = new Date('2026-01-02T03:04:05Z');
  made.address = Object.assign(new Address(), { street: 'Main' });
  made.lines = [Object.assign(new Line('a'), { addedAt: new Date(7) })];
  made.cachedTotal = 9;
  made.note = 'n';
  made.cents = 12n;
  return made;
}

/** What a spread makes of an entity. */
function fieldsOf(data: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data));
}

function roundTrip(data: object): Order {
  return codec.decode(codec.encode(fieldsOf(data), context), 1, context) as Order;
}

function refusal(data: object): EntityInvalidError {
  try {
    codec.encode(data as Record<string, unknown>, context);
  } catch (error) {
    if (error instanceof EntityInvalidError) return error;
    throw error;
  }
  throw new Error('It was encoded');
}

describe('The codec on class-transformer', () => {
  it('gives Dates and nested classes back as such, from a spread object too', () => {
    const found = roundTrip(order());
    expect(found).toBeInstanceOf(Order);
    expect(found.placedAt).toEqual(new Date('2026-01-02T03:04:05Z'));
    expect(found.address).toBeInstanceOf(Address);
    expect(found.address.label()).toBe('at Main');
    expect(found.lines[0]).toBeInstanceOf(Line);
    expect(found.lines[0]?.addedAt).toEqual(new Date(7));
    expect(found.lineCount).toBe(1);
  });

  it('honours @Exclude, @Expose and @Transform', () => {
    const text = codec.encode(fieldsOf(order()), context);
    expect(JSON.parse(text)).toMatchObject({ n: 'n', cents: '12', firstSku: 'a' });
    expect(text).not.toContain('cachedTotal');
    expect(roundTrip(order())).toMatchObject({ note: 'n', cents: 12n });
    expect(roundTrip(order())).not.toHaveProperty('cachedTotal');
  });

  it('does not run the constructor of the entity, which may want arguments', () => {
    expect(roundTrip({ id: 'bare' })).toEqual(
      Object.assign(Object.create(Order.prototype) as Order, { id: 'bare' }),
    );
  });

  it('asks no accessor before the entity is complete, and uses the setters of the class', () => {
    class Sensor {
      _raw?: number;
      readings!: number[];
      @Expose()
      get last(): number {
        return this.readings.at(-1)!;
      }
      @Expose()
      get value(): number {
        return (this._raw ?? Number.NaN) / 10;
      }
      set value(value: number) {
        this._raw = value * 10;
      }
    }
    const text = '{"last":3,"value":2.5,"readings":[1,3]}';
    const sensor = codec.decode(text, 1, { entityClass: Sensor }) as Sensor;
    expect(sensor).toMatchObject({ _raw: 25, value: 2.5, last: 3 });
  });

  it('leaves what is saved as it is', () => {
    const saved = fieldsOf(order());
    const before = { ...saved, address: { ...(saved['address'] as object) } };
    codec.encode(saved, context);
    expect(saved).toMatchObject(before);
  });

  it.each([
    ['a method of its own', { id: 'x', run: () => 1 }, 'Order.run is a function'],
    ['a BigInt that nobody transforms', { id: 'x', big: 1n }, 'Order.big is a bigint'],
    ['a property named by a symbol', { id: 'x', [Symbol('s')]: 1 }, 'Order has a property named'],
    ['a number that JSON does not know', { id: 'x', deep: { nan: Number.NaN } }, 'Order.deep.nan'],
  ])('refuses %s by its path', (_, data, path) => {
    expect(refusal(data).message).toContain(path);
  });

  it('refuses a value that refers to itself', () => {
    const data: Record<string, unknown> = { id: 'x' };
    data['self'] = { data };
    expect(refusal(data).message).toContain('Order');
  });

  it('hands what older versions have stored to migrate, 0 for plain JSON', () => {
    const seen: number[] = [];
    const second = classTransformerCodec({
      version: 2,
      migrate(plain, storedVersion) {
        seen.push(storedVersion);
        const { street, ...rest } = plain;
        return { ...rest, address: { street } };
      },
    });
    for (const stored of [0, 1]) {
      const found = second.decode('{"id":"o","street":"Old"}', stored, context) as Order;
      expect(found.address.label()).toBe('at Old');
    }
    const current = second.decode('{"id":"o","address":{"street":"New"}}', 2, context) as Order;
    expect(current.address.street).toBe('New');
    expect(seen).toEqual([0, 1]);
  });

  it('takes older data as they are where there is no migrate', () => {
    const found = codec.decode('{"id":"o","placedAt":"2026-01-01T00:00:00Z"}', 0, context) as Order;
    expect(found.placedAt).toBeInstanceOf(Date);
  });

  it('refuses data of a version it does not know yet, instead of losing half of them', () => {
    expect(() => codec.decode('{"id":"o"}', 3, context)).toThrow(
      /Order was stored by version 3.*this is version 1/,
    );
  });

  it.each(['[]', 'null', '"text"', '{', '{"__proto__":{"isAdmin":true}}'])(
    'refuses the stored text %s',
    (text) => {
      expect(() => codec.decode(text, 1, context)).toThrow(StoredDataError);
    },
  );
});
