// What the browser says of its GPU.

// The adapter's name; null where there is none. wgpu passes on the description alone, which most browsers leave empty.
export async function adapterName() {
  const adapter = await self.navigator.gpu?.requestAdapter();
  if (!adapter) return null;
  const { vendor, architecture, device, description } = adapter.info;
  return description || [vendor, architecture || device].filter(Boolean).join(' ') || 'GPU';
}
