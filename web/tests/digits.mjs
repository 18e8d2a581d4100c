// Digits as pointer strokes on the unit square, for tests that draw.
export const DIGITS = {
  0: [[[0.5, 0.2], [0.36, 0.28], [0.3, 0.5], [0.36, 0.72], [0.5, 0.8], [0.64, 0.72], [0.7, 0.5], [0.64, 0.28], [0.5, 0.2]]],
  1: [[[0.5, 0.18], [0.5, 0.5], [0.5, 0.82]]],
  2: [[[0.33, 0.32], [0.42, 0.2], [0.58, 0.2], [0.66, 0.33], [0.6, 0.48], [0.45, 0.64], [0.32, 0.79], [0.5, 0.79], [0.7, 0.79]]],
  3: [[[0.35, 0.24], [0.5, 0.18], [0.64, 0.27], [0.62, 0.41], [0.48, 0.48], [0.64, 0.56], [0.67, 0.7], [0.52, 0.82], [0.34, 0.75]]],
  4: [[[0.42, 0.2], [0.36, 0.4], [0.32, 0.56], [0.5, 0.56], [0.7, 0.56]], [[0.6, 0.22], [0.6, 0.5], [0.6, 0.82]]],
  7: [[[0.3, 0.22], [0.5, 0.22], [0.7, 0.22], [0.6, 0.45], [0.5, 0.65], [0.44, 0.82]]],
};

// Draws a digit on the pad with the mouse.
export async function draw(page, digit) {
  await page.locator('#clear').click();
  const { x, y, width, height } = await page.locator('#pad').boundingBox();
  for (const stroke of DIGITS[digit]) {
    const [first, ...rest] = stroke.map(([across, down]) => [x + across * width, y + down * height]);
    await page.mouse.move(...first);
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...point, { steps: 4 });
    await page.mouse.up();
  }
}
