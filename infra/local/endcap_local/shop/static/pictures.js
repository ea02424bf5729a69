// Pictures of goods that have none: drawn by what their titles say they are, in colours of their own.
const SVG = 'http://www.w3.org/2000/svg';

const KINDS = [
  // Words of a title, and what is drawn for it; the first that fits.
  ['christmas', /christmas|xmas|santa|reindeer|advent|snow|robin|holly|bauble/],
  ['bag', /bag|purse|shopper|wallet|tote|case\b|luggage|satchel/],
  ['light', /light|candle|lantern|lamp|holder|incense/],
  ['kitchen', /cake|bak|mug|cup|plate|bowl|spoon|jar|tin\b|tins|kitchen|tea|lunch|bottle|cutlery|apron|oven|glass|jug|tray|napkin|egg|dish|cook|pot\b|coaster|fork|retrospot.*set/],
  ['paper', /card|paper|pencil|note|wrap|ribbon|sticker|pen\b|pens|book|letter|calendar|postage|stamp|diary|magnet/],
  ['play', /toy|child|doll|game|jigsaw|party|bunting|balloon|spaceboy|kids|skittle|dominoes|circus|dolly|puppet|ludo|plaster|rope|playhouse/],
  ['garden', /garden|bird|plant|flower|water|picnic|parasol|bucket|trellis|herb|seed|rose|umbrella/],
  ['jewel', /necklace|bracelet|earring|\bring\b|brooch|bangle|jewel|charm/],
  ['clock', /clock|watch|alarm|thermometer/],
  ['textile', /cushion|towel|blanket|quilt|rug|throw|doormat|hot water|warmer|slipper|sock|scarf|hat/],
  ['frame', /frame|sign|mirror|picture|block|letter|wall|hook|hanger|hanging|heart|decoration|wicker|wreath/],
];
const PALETTES = [
  ['#e9efe6', '#5b8266', '#294936', '#d9a441'], ['#f6e7dc', '#c8714b', '#7a3e28', '#f0c27b'],
  ['#e4ebf3', '#5f83ad', '#2c4a6e', '#e2a76f'], ['#f4e4ea', '#b9637f', '#6e3148', '#edc4a0'],
  ['#f3efd9', '#b8963e', '#6b5620', '#87a878'], ['#e6e3f0', '#7b6ca8', '#443a68', '#e8b4bc'],
  ['#dff0ee', '#3f8f8a', '#1f5450', '#f0b86e'], ['#f3e9e2', '#a27b5c', '#5b4431', '#9cb7a4'],
];

// Shapes on a board of 100 by 100; p: paper, m: main, d: dark, a: accent.
const DRAWN = {
  kitchen: [['rect', 'm', { x: 26, y: 36, width: 38, height: 36, rx: 6 }], ['path', 'm', { d: 'M64 44h6a10 10 0 0 1 0 20h-6', fill: 'none', stroke: 1 }], ['rect', 'a', { x: 26, y: 48, width: 38, height: 7 }], ['path', 'd', { d: 'M36 29c-4-5 4-8 0-13M47 29c-4-5 4-8 0-13', fill: 'none', stroke: 1, thin: 1 }]],
  light: [['rect', 'm', { x: 40, y: 40, width: 20, height: 36, rx: 3 }], ['path', 'a', { d: 'M50 16c9 11 8 20 0 21c-8-1-9-10 0-21z' }], ['ellipse', 'd', { cx: 50, cy: 78, rx: 24, ry: 5 }], ['rect', 'd', { x: 49, y: 34, width: 2, height: 8 }]],
  bag: [['path', 'd', { d: 'M36 42c0-26 28-26 28 0', fill: 'none', stroke: 1 }], ['path', 'm', { d: 'M24 40h52l5 40H19z' }], ['circle', 'a', { cx: 38, cy: 58, r: 5 }], ['circle', 'a', { cx: 54, cy: 66, r: 5 }], ['circle', 'a', { cx: 65, cy: 53, r: 5 }]],
  paper: [['rect', 'd', { x: 22, y: 30, width: 50, height: 40, rx: 3, turn: -8 }], ['rect', 'm', { x: 28, y: 32, width: 50, height: 40, rx: 3, turn: 4 }], ['path', 'p', { d: 'M30 35l24 18l22-15', fill: 'none', stroke: 1, thin: 1 }], ['circle', 'a', { cx: 54, cy: 60, r: 5 }]],
  christmas: [['path', 'm', { d: 'M50 14L68 40H60L74 60H64L80 78H20L36 60H26L40 40H32z' }], ['rect', 'd', { x: 45, y: 78, width: 10, height: 9 }], ['circle', 'a', { cx: 44, cy: 50, r: 4 }], ['circle', 'a', { cx: 58, cy: 66, r: 4 }], ['circle', 'a', { cx: 40, cy: 70, r: 4 }], ['circle', 'a', { cx: 50, cy: 14, r: 5 }]],
  play: [['path', 'd', { d: 'M12 26q38 22 76 0', fill: 'none', stroke: 1, thin: 1 }], ['path', 'm', { d: 'M18 29l16 5l-10 16z' }], ['path', 'a', { d: 'M40 36h18l-9 17z' }], ['path', 'd', { d: 'M64 34l17-6l-6 19z' }], ['circle', 'm', { cx: 36, cy: 72, r: 13 }], ['path', 'a', { d: 'M56 60h24v24H56z' }]],
  garden: [['path', 'd', { d: 'M50 84V44M50 70c-14 0-18-8-19-15c12 0 18 5 19 15M50 64c12 0 17-6 18-13c-11 0-17 4-18 13', stroke: 1, thin: 1, fill: 'd' }], ['circle', 'm', { cx: 50, cy: 21, r: 9 }], ['circle', 'm', { cx: 62, cy: 30, r: 9 }], ['circle', 'm', { cx: 57, cy: 43, r: 9 }], ['circle', 'm', { cx: 43, cy: 43, r: 9 }], ['circle', 'm', { cx: 38, cy: 30, r: 9 }], ['circle', 'a', { cx: 50, cy: 33, r: 8 }]],
  jewel: [['path', 'd', { d: 'M24 20c2 52 50 52 52 0', fill: 'none', stroke: 1 }], ['path', 'm', { d: 'M50 58l13 11l-13 17l-13-17z' }], ['path', 'a', { d: 'M50 58l6 11l-6 17l-6-17z' }]],
  clock: [['circle', 'm', { cx: 50, cy: 52, r: 31 }], ['circle', 'p', { cx: 50, cy: 52, r: 23 }], ['path', 'd', { d: 'M50 36v17l11 7', fill: 'none', stroke: 1 }], ['circle', 'a', { cx: 29, cy: 24, r: 8 }], ['circle', 'a', { cx: 71, cy: 24, r: 8 }]],
  textile: [['path', 'm', { d: 'M20 26q30 8 60 0q-8 26 0 50q-30-8-60 0q8-24 0-50z' }], ['path', 'a', { d: 'M38 32v40M62 32v40', fill: 'none', stroke: 1 }], ['path', 'd', { d: 'M26 44h48M26 60h48', fill: 'none', stroke: 1, thin: 1 }]],
  frame: [['rect', 'd', { x: 22, y: 24, width: 56, height: 56, rx: 3 }], ['rect', 'p', { x: 29, y: 31, width: 42, height: 42 }], ['path', 'm', { d: 'M50 67C24 50 36 34 50 45C64 34 76 50 50 67z' }], ['path', 'd', { d: 'M38 24L50 12l12 12', fill: 'none', stroke: 1, thin: 1 }]],
  box: [['path', 'm', { d: 'M22 44h56v36H22z' }], ['path', 'd', { d: 'M18 34h64v12H18z' }], ['path', 'a', { d: 'M45 34h10v46H45zM50 34c-20 0-18-18-8-16c5 1 8 8 8 16c0-8 3-15 8-16c10-2 12 16-8 16' }]],
};

const hash = text => [...text].reduce((sum, char) => Math.imul(sum ^ char.codePointAt(), 16777619), 2166136261) >>> 0;

export const kindOf = item => {
  const told = (item.title + ' ' + (item.categories || []).join(' ')).toLowerCase();
  return KINDS.find(([, words]) => words.test(told))?.[0] || 'box';
};

export function pictureOf(item) {
  const seed = hash(item.item_id), [paper, main, dark, accent] = PALETTES[seed % PALETTES.length];
  const colours = { p: paper, m: main, d: dark, a: accent, none: 'none' };
  const make = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    return element;
  };
  const picture = make('svg', { viewBox: '0 0 100 100', 'aria-hidden': 'true', focusable: 'false' });
  picture.append(make('rect', { width: 100, height: 100, fill: paper }));
  if (seed >> 4 & 1) picture.append(make('circle', { cx: 50, cy: 52, r: 42, fill: '#ffffff', opacity: .45 }));
  else for (let n = 0; n < 5; n++) picture.append(make('rect', { x: n * 22 - 4, y: 0, width: 9, height: 100, fill: '#ffffff', opacity: .3 }));
  for (const [tag, colour, { stroke, thin, turn, fill, ...where }] of DRAWN[kindOf(item)]) {
    const how = stroke ? { stroke: colours[colour], 'stroke-width': thin ? 3 : 5, 'stroke-linecap': 'round', fill: colours[fill] } : { fill: colours[colour] };
    picture.append(make(tag, { ...where, ...how, ...(turn && { transform: `rotate(${turn} 50 50)` }) }));
  }
  return picture;
}
