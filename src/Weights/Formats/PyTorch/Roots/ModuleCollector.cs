using Weights.Formats.PyTorch.Tree;
using Weights.Pickle;

namespace Weights.Formats.PyTorch.Roots;

/// <summary>
/// Finds the modules of the chosen part of a pickle, under the names that their tensors have. Parts that are shared are walked once for each
/// name, as the tensors are, so what a file can make of that is limited.
/// </summary>
internal static class ModuleCollector
{
    // Ten times the layers of the deepest networks. What is beyond is not listed; the tensors are complete without.
    private const int MaxModules = 1 << 18;

    // 32 MB of paths.
    private const long MaxPathCharacters = 1 << 24;

    /// <summary>The modules, each before those within it.</summary>
    public static IReadOnlyList<Module> Collect(PickleTree tree, PickleNode root)
    {
        List<Module> modules = [];
        List<PickleNode> around = [];
        long characters = 0;
        int visits = 0;
        Visit(root, "");
        return modules;

        void Visit(PickleNode node, string path)
        {
            characters += path.Length;
            // Every visit counts, also one that goes no further: a container may be wide and referred to from everywhere.
            if (++visits > MaxModules || characters > MaxPathCharacters || around.Count >= MetadataValue.MaxDepth || around.Contains(node))
            {
                return;
            }
            around.Add(node);
            if (tree.TryModule(node, out TorchModule? module))
            {
                modules.Add(new Module(path, module.ClassName, [.. module.Buffers]));
            }
            // Modules may hold others without any tensor (activations); other containers matter only as the way to tensors.
            foreach (TreeChild child in module?.Modules ?? tree.Children(node).Where(child => tree.HoldsTensors(child.Node) && child.Node is not TorchTensor))
            {
                Visit(child.Node, path.Length == 0 ? child.Key : $"{path}.{child.Key}");
            }
            around.RemoveAt(around.Count - 1);
        }
    }
}
