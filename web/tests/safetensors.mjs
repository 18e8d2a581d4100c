// Reads the values of a safetensors file, by the tensors' names.
export function read(bytes) {
  const { buffer } = Uint8Array.from(bytes);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__: _, ...tensors } = JSON.parse(new TextDecoder().decode(buffer.slice(8, 8 + length)));
  const values = ({ data_offsets: [start, end] }) => new Float32Array(buffer.slice(8 + length + start, 8 + length + end));
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, values(tensor)]));
}
