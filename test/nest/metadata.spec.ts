import 'reflect-metadata';
import { SetMetadata, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { Transactional } from '../../lib/index.js';

/** What @nestjs/microservices, @nestjs/websockets, @nestjs/cqrs and the like note on a method. */
const keys = [
  'microservices:handler_type',
  'microservices:pattern',
  'websockets:message_mapping',
  'message',
  'EVENT_LISTENER_METADATA',
  'SCHEDULER_TYPE',
  'swagger/apiResponse',
  'THROTTLER:LIMITdefault',
];

const symbolKey = Symbol('a key of somebody');

function All(value: string): MethodDecorator {
  return (target, method, descriptor) => {
    for (const key of keys) SetMetadata(key, value)(target, method, descriptor);
    SetMetadata(symbolKey as unknown as string, value)(target, method, descriptor);
    UseGuards({ canActivate: () => true })(target, method, descriptor);
    UsePipes({ transform: (input: unknown) => input })(target, method, descriptor);
    UseInterceptors({ intercept: (_, next) => next.handle() })(target, method, descriptor);
    UseFilters({ catch: () => undefined })(target, method, descriptor);
  };
}

/** Notes something about a parameter, as route and message decorators do: on the class. */
function Noted(target: object, method: string | symbol | undefined, index: number): void {
  Reflect.defineMetadata('__routeArguments__', { index }, target.constructor, method!);
}

class Methods {
  @All('above')
  @Transactional()
  async above(@Noted _text: string, _count: number): Promise<void> {}

  @Transactional()
  @All('below')
  async below(@Noted _text: string, _count: number): Promise<void> {}

  @Transactional()
  @All('twice, inner')
  @All('twice, outer')
  async twice(_text: string): Promise<void> {}
}

class Parent {
  @All('inherited')
  async inherited(@Noted _text: string): Promise<void> {}
}

@Transactional()
class Covered extends Parent {
  @All('own')
  async own(@Noted _text: string): Promise<void> {}
}

function metadataOf(prototype: object, method: string): Map<unknown, unknown> {
  const handler = Reflect.get(prototype, method) as object;
  const found = Reflect.getMetadataKeys(handler) as unknown[];
  return new Map(found.map((key) => [key, Reflect.getMetadata(key, handler)]));
}

describe('@Transactional()', () => {
  it.each([
    ['above a method', Methods.prototype, 'above', 'above'],
    ['below a method', Methods.prototype, 'below', 'below'],
    ['on a covered method', Covered.prototype, 'own', 'own'],
    ['on an inherited method', Covered.prototype, 'inherited', 'inherited'],
  ])('keeps what stands %s', (_, prototype, method, value) => {
    const metadata = metadataOf(prototype, method);
    for (const key of [...keys, symbolKey]) expect(metadata.get(key)).toBe(value);
    for (const key of ['guards', 'pipes', 'interceptors', 'exceptionFilters']) {
      expect(metadata.get(`__${key}__`)).toHaveLength(1);
    }
  });

  it('keeps what is noted of parameters and their types', () => {
    for (const method of ['above', 'below']) {
      expect(Reflect.getMetadata('__routeArguments__', Methods, method)).toEqual({ index: 0 });
      expect(Reflect.getMetadata('design:paramtypes', Methods.prototype, method)).toEqual([
        String,
        Number,
      ]);
    }
    expect(Reflect.getMetadata('design:paramtypes', Covered.prototype, 'inherited')).toEqual([
      String,
    ]);
  });

  it('lets the outermost of two decorators win, as without it', () => {
    expect(metadataOf(Methods.prototype, 'twice').get('message')).toBe('twice, inner');
  });

  it('does not write on the methods of the base class', () => {
    const own = Reflect.get(Parent.prototype, 'inherited') as object;
    SetMetadata('message', 'changed')(Covered.prototype, 'inherited', {
      value: Reflect.get(Covered.prototype, 'inherited'),
    });
    expect(Reflect.getMetadata('message', own)).toBe('inherited');
  });
});
