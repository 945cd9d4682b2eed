/** A place where machines stand or cables meet: degrees north, degrees east. */
export type Site = readonly [north: number, east: number];

/** Where the data centres of the built-in regions stand, by the names that cloud users know; the metropolis where the site itself is secret. */
export const REGIONS = {
  'af-south-1': [-33.92, 18.42], // Cape Town
  'ap-east-1': [22.32, 114.17], // Hong Kong
  'ap-east-2': [25.03, 121.57], // Taipei
  'ap-northeast-1': [35.68, 139.77], // Tokyo
  'ap-northeast-2': [37.57, 126.98], // Seoul
  'ap-northeast-3': [34.69, 135.5], // Osaka
  'ap-south-1': [19.08, 72.88], // Mumbai
  'ap-south-2': [17.39, 78.49], // Hyderabad
  'ap-southeast-1': [1.35, 103.82], // Singapore
  'ap-southeast-2': [-33.87, 151.21], // Sydney
  'ap-southeast-3': [-6.21, 106.85], // Jakarta
  'ap-southeast-4': [-37.81, 144.96], // Melbourne
  'ap-southeast-5': [3.14, 101.69], // Kuala Lumpur
  'ap-southeast-7': [13.76, 100.5], // Bangkok
  'ca-central-1': [45.5, -73.57], // Montreal
  'ca-west-1': [51.05, -114.07], // Calgary
  'eu-central-1': [50.11, 8.68], // Frankfurt
  'eu-central-2': [47.38, 8.54], // Zurich
  'eu-north-1': [59.33, 18.07], // Stockholm
  'eu-south-1': [45.46, 9.19], // Milan
  'eu-south-2': [41.65, -0.88], // Zaragoza
  'eu-west-1': [53.35, -6.26], // Dublin
  'eu-west-2': [51.51, -0.13], // London
  'eu-west-3': [48.86, 2.35], // Paris
  'il-central-1': [32.08, 34.78], // Tel Aviv
  'me-central-1': [25.2, 55.27], // Dubai
  'me-south-1': [26.07, 50.55], // Bahrain
  'mx-central-1': [20.59, -100.39], // Querétaro
  'sa-east-1': [-23.55, -46.63], // São Paulo
  'us-east-1': [39.04, -77.49], // Ashburn
  'us-east-2': [39.96, -83.0], // Columbus
  'us-west-1': [37.34, -121.89], // San Jose
  'us-west-2': [45.84, -119.7], // Boardman
} as const satisfies Record<string, Site>;

/** Where cables land, meet or go round a continent. */
export const WAYPOINTS = {
  Amsterdam: [52.37, 4.9],
  Atlanta: [33.75, -84.39],
  Bilbao: [43.26, -2.93],
  Bude: [50.83, -4.55],
  Busan: [35.18, 129.08],
  Chennai: [13.08, 80.27],
  Chicago: [41.88, -87.63],
  Colombo: [6.93, 79.85],
  Crete: [35.34, 25.14],
  Dakar: [14.69, -17.45],
  Dallas: [32.78, -96.8],
  Denver: [39.74, -104.99],
  Djibouti: [11.59, 43.15],
  Fortaleza: [-3.73, -38.52],
  Fujairah: [25.13, 56.33],
  Guam: [13.44, 144.79],
  Hamburg: [53.55, 9.99],
  Honolulu: [21.31, -157.86],
  Lisbon: [38.72, -9.14],
  'Los Angeles': [34.05, -118.24],
  Madrid: [40.42, -3.7],
  Marseille: [43.3, 5.37],
  Miami: [25.76, -80.19],
  'New York': [40.71, -74.01],
  Perth: [-31.95, 115.86],
  Seattle: [47.61, -122.33],
  Sicily: [37.5, 15.09],
  Suez: [29.97, 32.55],
  Toronto: [43.65, -79.38],
  'Virginia Beach': [36.85, -75.98],
  Winnipeg: [49.9, -97.14],
} as const satisfies Record<string, Site>;

export type SiteName = keyof typeof REGIONS | keyof typeof WAYPOINTS;

/** Cables along roads and railways. */
export const LAND: readonly (readonly [SiteName, SiteName])[] = [
  ['eu-west-2', 'Amsterdam'],
  ['eu-west-2', 'eu-west-3'],
  ['eu-west-2', 'eu-west-1'],
  ['eu-west-2', 'Bude'],
  ['Amsterdam', 'eu-central-1'],
  ['Amsterdam', 'Hamburg'],
  ['Amsterdam', 'eu-west-3'],
  ['Hamburg', 'eu-central-1'],
  ['Hamburg', 'eu-north-1'],
  ['eu-west-3', 'eu-central-1'],
  ['eu-west-3', 'Marseille'],
  ['eu-west-3', 'Bilbao'],
  ['eu-west-3', 'eu-central-2'],
  ['eu-central-1', 'eu-central-2'],
  ['eu-central-2', 'eu-south-1'],
  ['eu-south-1', 'Marseille'],
  ['Marseille', 'eu-south-2'],
  ['eu-south-2', 'Madrid'],
  ['Bilbao', 'eu-south-2'],
  ['Bilbao', 'Madrid'],
  ['Madrid', 'Lisbon'],
  ['New York', 'us-east-1'],
  ['New York', 'ca-central-1'],
  ['New York', 'Chicago'],
  ['Virginia Beach', 'us-east-1'],
  ['us-east-1', 'us-east-2'],
  ['us-east-2', 'Chicago'],
  ['us-east-1', 'Atlanta'],
  ['Atlanta', 'Miami'],
  ['Atlanta', 'Dallas'],
  ['Chicago', 'Dallas'],
  ['Chicago', 'Denver'],
  ['Chicago', 'us-west-2'],
  ['Chicago', 'Toronto'],
  ['Toronto', 'ca-central-1'],
  ['Toronto', 'Winnipeg'],
  ['Chicago', 'Winnipeg'],
  ['Winnipeg', 'ca-west-1'],
  ['ca-west-1', 'Seattle'],
  ['Seattle', 'us-west-2'],
  ['us-west-2', 'us-west-1'],
  ['Denver', 'us-west-1'],
  ['Denver', 'Dallas'],
  ['Denver', 'us-west-2'],
  ['us-west-1', 'Los Angeles'],
  ['Los Angeles', 'Dallas'],
  ['Dallas', 'mx-central-1'],
  ['Los Angeles', 'mx-central-1'],
  ['sa-east-1', 'Fortaleza'],
  ['ap-northeast-1', 'ap-northeast-3'],
  ['ap-northeast-2', 'Busan'],
  ['ap-southeast-1', 'ap-southeast-5'],
  ['ap-southeast-5', 'ap-southeast-7'],
  ['ap-south-1', 'ap-south-2'],
  ['ap-south-2', 'Chennai'],
  ['ap-south-1', 'Chennai'],
  ['ap-southeast-2', 'ap-southeast-4'],
  ['ap-southeast-4', 'Perth'],
  ['me-central-1', 'Fujairah'],
];

/** Cables on the sea bed. */
export const SEA: readonly (readonly [SiteName, SiteName])[] = [
  ['Bude', 'New York'],
  ['eu-west-1', 'New York'],
  ['eu-west-3', 'New York'],
  ['Bilbao', 'Virginia Beach'],
  ['Lisbon', 'Bude'],
  ['Lisbon', 'Dakar'],
  ['Dakar', 'af-south-1'],
  ['Miami', 'Fortaleza'],
  ['Virginia Beach', 'Fortaleza'],
  ['Marseille', 'Crete'],
  ['Marseille', 'Sicily'],
  ['Sicily', 'Suez'],
  ['Crete', 'il-central-1'],
  ['Suez', 'Djibouti'],
  ['Djibouti', 'Fujairah'],
  ['Djibouti', 'ap-south-1'],
  ['Djibouti', 'Colombo'],
  ['Fujairah', 'ap-south-1'],
  ['me-central-1', 'me-south-1'],
  ['ap-south-1', 'Colombo'],
  ['Chennai', 'ap-southeast-1'],
  ['Colombo', 'ap-southeast-1'],
  ['ap-southeast-1', 'ap-southeast-3'],
  ['ap-southeast-1', 'ap-east-1'],
  ['ap-southeast-1', 'ap-east-2'],
  ['ap-southeast-1', 'ap-northeast-1'],
  ['ap-southeast-1', 'Perth'],
  ['ap-southeast-3', 'Perth'],
  ['ap-east-1', 'ap-east-2'],
  ['ap-east-1', 'ap-northeast-1'],
  ['ap-east-1', 'Busan'],
  ['ap-east-2', 'ap-northeast-1'],
  ['Busan', 'ap-northeast-3'],
  ['ap-northeast-1', 'Seattle'],
  ['ap-northeast-1', 'us-west-1'],
  ['ap-northeast-1', 'Los Angeles'],
  ['ap-northeast-3', 'Los Angeles'],
  ['ap-east-2', 'Los Angeles'],
  ['ap-northeast-1', 'Guam'],
  ['Guam', 'ap-southeast-2'],
  ['Guam', 'Honolulu'],
  ['Guam', 'ap-southeast-1'],
  ['ap-southeast-2', 'Honolulu'],
  ['Honolulu', 'Los Angeles'],
  ['Honolulu', 'us-west-1'],
];
