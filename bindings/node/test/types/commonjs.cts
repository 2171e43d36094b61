// The same types for CommonJS. It is compiled, not run.
import eidos = require('@eidos/eidos');

async function main(): Promise<void> {
  const model: eidos.SplitModel = await eidos.SplitModel.load('eidos:demo');
  const { path }: eidos.Module = model.modules[0]!;
  // @ts-expect-error: modules have a path, not a name
  console.log(path, model.modules[0]!.name);
}

void main();
