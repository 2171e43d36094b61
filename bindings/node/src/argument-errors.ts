/** Errors about arguments: `TypeError` and `RangeError` with the codes that Node gives its own, so that programs can tell them apart. */

/** An argument that is not of the type that the call takes. */
export function wrongType(message: string): TypeError {
  return coded(new TypeError(message), 'ERR_INVALID_ARG_TYPE');
}

/** An argument of the right type whose value means nothing. */
export function wrongValue(message: string): TypeError {
  return coded(new TypeError(message), 'ERR_INVALID_ARG_VALUE');
}

/** A number or an index that is too large, too small or not whole. */
export function outOfRange(message: string): RangeError {
  return coded(new RangeError(message), 'ERR_OUT_OF_RANGE');
}

function coded<E extends Error>(error: E, code: string): E {
  return Object.assign(error, { code });
}
