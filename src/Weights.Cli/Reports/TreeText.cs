using System.Text;
using Weights.Cli.Terminal;
using Weights.Passes;

namespace Weights.Cli.Reports;

/// <summary>The modules of a network as a tree, a line for each.</summary>
internal static class TreeText
{
    /// <summary>Prints modules down to <paramref name="depth"/> below the network itself, or all.</summary>
    public static void Write(ModuleNode root, int? depth, Channel channel)
    {
        List<Row> rows = Rows(root, depth);
        List<Column<Row>> columns = [];
        if (rows.Any(static row => row.Module.ClassName is not null))
        {
            columns.Add(new("class", static row => Printable.Escape(ShortName(row.Module.ClassName ?? ""))) { Style = Style.Cyan });
        }
        columns.Add(new("parameters", static row => $"{row.Module.Parameters:N0}") { IsNumber = true });
        if (rows.Any(static row => row.Module.Buffers > 0))
        {
            columns.Add(new("buffers", static row => row.Module.Buffers == 0 ? "" : $"{row.Module.Buffers:N0}") { IsNumber = true, IsOptional = true });
        }
        columns.Add(new("bytes", static row => Quantity.Bytes(row.Module.Bytes)) { IsNumber = true });
        columns.Add(new("share", row => Quantity.Percent(row.Module.Bytes, root.Bytes)) { IsNumber = true, IsOptional = true, Style = Style.Dim });
        new Table<Row>("module", static row => row.Label, columns).Write(rows, channel);
    }

    /// <summary>Name of a class without its Python module.</summary>
    public static string ShortName(string className) => className[(className.LastIndexOf('.') + 1)..];

    private static List<Row> Rows(ModuleNode root, int? depth)
    {
        List<Row> rows = [];
        List<bool> isLast = []; // For each level on the way, whether its module is the last of its siblings.
        Stack<(ModuleNode Module, bool IsLast)> open = new([(root, true)]);
        while (open.TryPop(out (ModuleNode Module, bool IsLast) next))
        {
            (ModuleNode module, bool last) = next;
            isLast.RemoveRange(Math.Min(module.Depth, isLast.Count), isLast.Count - Math.Min(module.Depth, isLast.Count));
            isLast.Add(last);
            rows.Add(new Row(Label(module, isLast), module));
            for (int index = module.Children.Count - 1; index >= 0 && !(module.Depth >= depth); index--)
            {
                open.Push((module.Children[index], index == module.Children.Count - 1));
            }
        }
        return rows;
    }

    private static string Label(ModuleNode module, List<bool> isLast)
    {
        if (module.Depth == 0)
        {
            return ".";
        }
        StringBuilder label = new();
        for (int level = 1; level < module.Depth; level++)
        {
            label.Append(isLast[level] ? "   " : "│  ");
        }
        return label.Append(isLast[module.Depth] ? "└─ " : "├─ ").Append(Printable.Escape(module.Name)).ToString();
    }

    private sealed record Row(string Label, ModuleNode Module);
}
