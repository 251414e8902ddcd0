export const dashboard = (name: string) =>
  JSON.stringify({
    widgets: [
      {
        type: 'text',
        x: 0,
        y: 0,
        width: 24,
        height: 1,
        properties: { markdown: `# ${name} \${AWS::Region}` },
      },
    ],
  });
