/** DLPack: tensors that native code of other packages shares, by their address. */
import { wrongType } from './argument-errors';
import { Handle, pointerOf, Resource } from './handle';
import { deleteDlpackTensor, dlpackRowCount, type Pointer } from './native';

/** @internal */
export function dlpackResource(address: Pointer): Resource {
  return new Resource(address, deleteDlpackTensor);
}

/**
 * A `DLManagedTensorVersioned` that this object owns: `close()` runs its deleter. It is a way to hand rows to, or take them
 * from, another native module without a copy; JavaScript itself reads `Activations.rows()`.
 */
export class DLPackTensor extends Handle {
  /**
   * Takes over a tensor of another native module.
   *
   * @param address the address of a `DLManagedTensorVersioned` whose deleter nobody else runs. Nothing can check it: a wrong
   *   address ends the process.
   */
  static adopt(address: bigint): DLPackTensor {
    if (typeof address !== 'bigint' || address <= 0n) throw wrongType('address must be a positive bigint');
    return new DLPackTensor(dlpackResource(address));
  }

  /** The address of the tensor, for a native module that reads it while this object is open. */
  get address(): bigint {
    return pointerOf(this, DLPackTensor);
  }

  /** How many rows it has: its first dimension. */
  get rowCount(): number {
    return dlpackRowCount(this.address);
  }

  /** @internal */
  protected override summary(): object {
    return { rowCount: this.rowCount };
  }
}
