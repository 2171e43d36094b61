/** Conversion of options to structs of C; `generated/options.ts` uses it. */
import { record, whole } from './arguments';
import { throwIfFailed } from './errors';
import type { NativeFunction } from './native';

/** For each field of a struct: its option, and the function that checks and converts it. */
type Fields<O, S> = { [F in keyof S]?: readonly [keyof O & string, (name: string, value: unknown) => S[F]] };

/** A function that fills a struct with its defaults and then with the options that are given. */
export function translator<O extends object, S extends { struct_size: number }>(
  init: () => NativeFunction<[Partial<S>, number], number>,
  size: number,
  fields: Fields<O, S>,
) {
  return (options: O): S => {
    record('options', options);
    const struct: Partial<S> = {};
    throwIfFailed(init()(struct, size));
    for (const field of Object.keys(fields) as (keyof S)[]) {
      const [name, translate] = fields[field]!;
      if (options[name] !== undefined) struct[field] = translate(name, options[name]);
    }
    return struct as S;
  };
}

/** Counts that are at least 1. */
export function indices(name: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of numbers`);
  if (value.length === 0) throw new RangeError(`${name} must not be empty; leave it out for all of them`);
  return Array.from(value, (item, position) => whole(`${name}[${position}]`, item));
}

/** The length of an array, which was checked before. */
export function lengthOf(_name: string, value: unknown): number {
  return (value as readonly unknown[]).length;
}

/** A number, or `null` for none. */
export function orNone(check: (name: string, value: unknown) => number, none: number) {
  return (name: string, value: unknown): number => (value === null ? none : check(name, value));
}
